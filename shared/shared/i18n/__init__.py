"""Languages: which one a reader gets, the catalogs, the mark on a text that is to be translated."""
