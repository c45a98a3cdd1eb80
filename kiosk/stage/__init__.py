"""What is on the screen: the scenes, and the apps that run in frames."""
