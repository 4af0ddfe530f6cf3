"""One module a command: parse options, call a job, print, choose the exit status."""
