"""What every page stands on: language, text size, styles, logos."""
