"""How packets of services and of the account get to the parts that run here."""
