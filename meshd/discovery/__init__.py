"""Finding nodes nearby, without telling strangers who is there."""
