"""Pictures that networks look at: photographs, digits over textures, and files of a user."""
