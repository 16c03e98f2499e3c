"""One module per group of commands; each has `add(app)`. What a command needs is imported when it runs."""
