"""Everything the kit asks of AWS. boto3 is imported in `session` alone."""
