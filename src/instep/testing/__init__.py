"""For those who write stores and those who test programs that use instep."""
