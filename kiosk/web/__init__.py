"""How the page and the apps are served, and to whom."""
