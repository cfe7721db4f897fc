"""What the pages of several faces share: formats of money and time, words for what is stored, Jinja's globals."""
