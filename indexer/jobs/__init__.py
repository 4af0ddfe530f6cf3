"""What the tool does, one module a job; jobs take their store and catalog as arguments."""
