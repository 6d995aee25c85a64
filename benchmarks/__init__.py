"""What reporting and watching cost, beside the least that any code could take and beside others."""
