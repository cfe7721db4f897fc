"""The partner API: how POS, mall and ERP systems report purchases."""
