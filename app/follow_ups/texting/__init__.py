"""Steps that the system does itself by text message (短信), from the task to what came of the message."""
