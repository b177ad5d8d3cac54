"""What keeps an embedded session apart from the machine."""
