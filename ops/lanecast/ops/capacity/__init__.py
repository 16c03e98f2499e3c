"""How much machine a load takes: a model of the hops (`model`), from what each was measured to cost (`costs`)."""
