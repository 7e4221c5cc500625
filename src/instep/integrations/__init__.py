"""Other people's libraries on instep's spaces and resources: one module for each."""
