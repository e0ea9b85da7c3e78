"""Published models: their files, where they are looked for, and their download."""
