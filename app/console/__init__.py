"""The business's frame: start page, search, navigation, and how a business begins."""
