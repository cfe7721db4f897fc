"""Steps that the system does itself by text message (短信), from the task that is opened to what came of the message."""
