"""One module or folder a technology; each does single operations that the roles compose."""
