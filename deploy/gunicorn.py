"""How the API is served: `gunicorn --config deploy/gunicorn.py 'webapp:create_app()'`, everywhere."""

worker_class = "deploy.worker.PatientWorker"
workers = 2
threads = 8
# Its socket would be one file in the home folder, shared by every gunicorn of the user.
control_socket_disable = True
# What no client of the API needs is refused before the application sees it.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
# Nobody but the server itself says which path was asked for.
forwarder_headers = ""
