"""Questions to CloudWatch itself, by Logs Insights: for lines that have not landed, or never will."""
