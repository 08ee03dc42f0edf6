"""JSON Schemas of every event in and out, an AsyncAPI document, and what may change in them.

`models` makes schemas of the code's models, `incoming` and `outgoing` say what comes in and what goes out, `documents`
names them with their versions, `dialects` turns events into OpenAPI, `asyncapi` says which is where, `page`
is their README, `changes` finds what could break somebody, and `writing` puts it all together for the command.
"""
