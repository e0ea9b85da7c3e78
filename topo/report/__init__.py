"""Tables, plots, pages and files that report predictions, evaluations and runs."""
