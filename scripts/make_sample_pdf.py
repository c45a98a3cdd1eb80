"""Write the sample document of the presenter: the same bytes on every machine."""
