"""The default reference set: which published code the built-in index is made of."""
