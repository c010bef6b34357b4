"""The AWS side: moto's server with a thin WSGI layer in front, and one module for each thing it patches."""
