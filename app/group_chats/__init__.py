"""Group chats (客户群): a mirror of the corp's groups with customers, and of who is in them."""
