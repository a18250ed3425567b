"""What makes and runs the course: the command line, recorded results, figures, post, site, studies."""
