"""What may reach the notebook page: every message to a front end passes this filter."""
