"""The doors: command line, web, schedules. No logic: each asks, passes on, and answers."""
