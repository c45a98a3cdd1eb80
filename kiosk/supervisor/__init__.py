"""What keeps all displays of a machine going, each in a process of its own."""
