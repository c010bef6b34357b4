"""report.html: one file, no scripts, nothing fetched from elsewhere; light and dark; readable on a phone."""
