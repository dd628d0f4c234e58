"""Real data sets that hospitals and researchers hold under licence: read as published, judged as papers do."""
