"""What is kept between requests, by a provider or by the gateway: responses, files, batches, and their ids."""
