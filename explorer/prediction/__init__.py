"""What a network says of a picture: classes of pixels, key points, classes of the whole."""
