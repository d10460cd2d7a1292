"""A CloudWatch message, understood: `recognise.parse` tries the formats in order; each family is a file. All pure."""
