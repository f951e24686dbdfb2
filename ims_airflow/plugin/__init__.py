"""The page "IMS images" in Airflow's UI."""
