"""What containers run beside the product: their health check, and the cron job that starts runs."""
