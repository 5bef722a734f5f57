"""The engine room: everything that judges. It never imports the other rooms; only its doors assemble."""
