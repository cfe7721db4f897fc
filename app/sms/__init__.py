"""Text messages (短信): the port, a gateway of Aliyun's kind behind it, and what stands there where none is set."""
