"""Where rooms are joined: each step loads its needs, calls pure functions, saves what it makes."""
