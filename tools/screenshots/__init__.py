"""Pictures of the command and of the live view, taken of a real job at the local clouds: docs/img/*.svg."""
