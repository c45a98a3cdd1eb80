"""A service that feeds each part of an app wherever that runs."""
