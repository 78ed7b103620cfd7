"""Speech to transcript events, without I/O, models, threads or clocks."""
