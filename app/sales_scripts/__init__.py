"""Sales scripts (话术): the words an associate sends, with variables the server fills in."""
