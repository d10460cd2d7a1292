"""What can be known of the written project without Power BI: each check reads the files, not the description."""
