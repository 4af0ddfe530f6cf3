"""Where tasks are carried out: the processes of this machine, or a Dask cluster."""
