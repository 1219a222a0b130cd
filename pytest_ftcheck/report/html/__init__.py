"""The report page (``--ftcheck-html``): one HTML file, which needs no network."""
