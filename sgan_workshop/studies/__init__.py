"""Many runs: which, where, and the file that gathers them."""
