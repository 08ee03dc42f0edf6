"""What every program with a terminal needs here: text and tables, commands to paste, and Ctrl-C."""
