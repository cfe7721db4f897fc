"""A local WeCom (企业微信): its HTTP API, and phones with chats that frame the toolbar.

A WSGI app of its own in a process of its own. It imports no other package of this project, so what
the product and the sandbox agree on is only what goes over HTTP, as with the real WeCom. Rules
quote the section of the WeCom fact sheet they come from ("facts 3.14").
"""
