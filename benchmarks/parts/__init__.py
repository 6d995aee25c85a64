"""The processes that tables run and measure: web sites, tasks that report, and clients."""
